"use strict";
/* The API's specification as a page to read and to try. */
document.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: document.getElementById("swagger").dataset.specification,
    dom_id: "#swagger",
    validatorUrl: null,
    defaultModelsExpandDepth: -1,
  });
});
