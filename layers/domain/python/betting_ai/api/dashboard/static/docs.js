"use strict";
/* The API's specification as a page to read and to try, as dark as the page around it. */
document.addEventListener("DOMContentLoaded", () => {
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  /* Swagger UI has colours of its own for this class. */
  const dress = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
    root.classList.toggle("dark-mode", dark);
  };
  prefersDark.addEventListener("change", dress);
  new MutationObserver(dress).observe(root, { attributeFilter: ["data-theme"] });
  dress();
  SwaggerUIBundle({
    url: document.getElementById("swagger").dataset.specification,
    dom_id: "#swagger",
    validatorUrl: null,
    defaultModelsExpandDepth: -1,
  });
});
