"use strict";
/* Makes pages that are whole without it a little livelier: theme, local times, countdowns, charts. */
(() => {
  const root = document.documentElement;
  const KEY = "betting-ai-theme";
  root.classList.add("js");

  const remembered = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const theme = remembered();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const changed = [];
  const tellChange = () => changed.forEach((tell) => tell());

  function themeButton() {
    const button = document.getElementById("theme");
    if (!button) return;
    const show = () => button.setAttribute("aria-pressed", String(isDark()));
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        /* it then lasts as long as the page */
      }
      tellChange();
    });
    prefersDark.addEventListener("change", tellChange);
    changed.push(show);
    show();
  }

  /* The present as the server has it: a wrong clock here would tell wrong spans. */
  const ahead = Date.parse(root.dataset.now) - Date.now();
  const now = () => Date.now() + ahead;

  function localTimes() {
    const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    for (const slot of document.querySelectorAll("[data-local]")) {
      const moment = new Date(slot.dataset.local);
      if (moment.getTimezoneOffset() === 0) continue;
      const time = new Intl.DateTimeFormat("en-GB", options).format(moment);
      const elsewhere = moment.getDate() !== moment.getUTCDate();
      const day = elsewhere ? new Intl.DateTimeFormat("en-GB", { weekday: "short" }).format(moment) : "";
      slot.textContent = `${day} ${time} ${slot.classList.contains("short") ? "local" : "your time"}`.trim();
    }
  }

  /* As `words.span` on the server. */
  function span(milliseconds) {
    let minutes = Math.floor(Math.abs(milliseconds) / 60000);
    if (minutes < 60) return `${minutes} min`;
    let hours = Math.floor(minutes / 60);
    minutes %= 60;
    if (hours < 10 && minutes) return `${hours} h ${minutes} min`;
    if (hours < 48) return `${hours} h`;
    const days = Math.floor(hours / 24);
    hours %= 24;
    if (days < 90) return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`;
    return days < 730 ? `${Math.floor(days / 30)} months` : `${Math.floor(days / 365)} years`;
  }

  function countdowns() {
    const slots = [...document.querySelectorAll("[data-countdown]")];
    const tick = () => {
      for (const slot of slots) {
        const gap = Date.parse(slot.dataset.countdown) - now();
        const text =
          gap >= 0 ? `${slot.dataset.before} in ${span(gap)}` : `${slot.dataset.after} ${span(gap)} ago`;
        if (slot.textContent !== text) slot.textContent = text;
      }
    };
    if (slots.length) {
      tick();
      setInterval(tick, 10000);
    }
  }

  /* Charts draw what the table beneath them says. */
  function read(table, only) {
    const rows = [...table.tBodies[0].rows];
    const width = table.tHead.rows[0].cells.length - 1;
    const times = rows.map((row) => Date.parse(row.cells[0].dataset.x) / 1000);
    const column = (i) =>
      rows.map((row) => (row.cells[i].dataset.y ? Number(row.cells[i].dataset.y) : null));
    const chosen = only ? [only] : Array.from({ length: width }, (_, i) => i + 1);
    return { times, columns: chosen.map(column) };
  }

  function colour(holder, name) {
    holder.style.color = `var(--${name})`;
    const found = getComputedStyle(holder).color;
    holder.style.color = "";
    return found;
  }

  const DASHES = [[], [7, 4], [2, 3]];

  function draw(holder) {
    const table = document.getElementById(holder.dataset.from);
    const { times, columns } = read(table, Number(holder.dataset.column));
    const prices = holder.dataset.chart === "prices";
    const [accent, ink, soft, line] = ["accent", "ink", "soft", "line"].map((name) => colour(holder, name));
    const inks = [accent, ink, soft];
    const size = () => {
      const style = getComputedStyle(holder);
      const padding = (side) => parseFloat(style[`padding${side}`]);
      return {
        width: holder.clientWidth - padding("Left") - padding("Right"),
        height: holder.clientHeight - padding("Top") - padding("Bottom"),
      };
    };
    const axis = {
      stroke: soft,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const digits = prices ? 2 : 0;
    const chart = new uPlot(
      {
        ...size(),
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        cursor: { y: false, drag: { x: false, y: false } },
        legend: { show: false },
        hooks: { setCursor: [(u) => tell(holder.parentElement, u.cursor.idx, u.data)] },
        scales: prices ? {} : { y: { range: (_, low, high) => uPlot.rangeNum(Math.min(0, low), Math.max(0, high), 0.1, true) } },
        axes: [
          { ...axis, size: prices ? 46 : 30, grid: { show: false }, values: [
            [86400, "{D} {MMM}", null, null, null, null, null, null, 1],
            [3600, "{HH}:{mm}", "\n{D} {MMM}", null, null, null, null, null, 1],
            [60, "{HH}:{mm}", "\n{D} {MMM}", null, null, null, null, null, 1],
          ] },
          { ...axis, size: 52, values: (_, marks) => marks.map((mark) => mark.toFixed(Math.max(digits, marks[1] - marks[0] < 1 ? 2 : 0)).replace("-", "\u2212")) },
        ],
        series: [
          {},
          ...columns.map((_, i) => ({
            stroke: inks[i % 3],
            width: 2,
            dash: DASHES[i % 3],
            points: { show: times.length < 40, size: 6, fill: inks[i % 3] },
            spanGaps: true,
            paths: prices ? uPlot.paths.stepped({ align: 1 }) : undefined,
            fill: prices ? undefined : colour(holder, "accent-soft"),
          })),
        ],
      },
      [times, ...columns],
      holder,
    );
    new ResizeObserver(() => chart.setSize(size())).observe(holder);
    return chart;
  }

  /* What the pointer is over, beside the names; times in UTC, as everywhere on the page. */
  function tell(around, at, [times, ...columns]) {
    const over = at !== null && at !== undefined;
    around.querySelectorAll("[data-told]").forEach((slot, i) => {
      const value = over ? columns[i][at] : null;
      slot.textContent = value === null || value === undefined ? "" : value.toFixed(2).replace("-", "\u2212");
    });
    const options = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" };
    for (const slot of around.querySelectorAll("[data-told-at]")) {
      const moment = over ? new Date(times[at] * 1000) : null;
      slot.textContent = moment ? `${new Intl.DateTimeFormat("en-GB", options).format(moment)} UTC` : "";
    }
  }

  function charts() {
    if (typeof uPlot === "undefined") return;
    const holders = [...document.querySelectorAll("[data-chart]")];
    let drawn = [];
    const all = () => {
      drawn.forEach((chart) => chart.destroy());
      drawn = holders.map(draw);
    };
    changed.push(all);
    if (holders.length) all();
  }

  document.addEventListener("DOMContentLoaded", () => {
    themeButton();
    localTimes();
    countdowns();
    charts();
  });
})();
