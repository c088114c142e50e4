// What needs a script and is no loss without one: copying, and saying that the gate is not reached.
"use strict";

const offerToCopy = (within) => {
  for (const command of within.querySelectorAll("pre[data-copy]")) {
    if (command.nextElementSibling?.matches("button.copy")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    command.after(button);
  }
};

if (navigator.clipboard) {
  offerToCopy(document);
  document.addEventListener("htmx:load", (event) => offerToCopy(event.detail.elt));  // a check that ended meanwhile
}

const lost = document.getElementById("lost");
for (const event of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(event, () => { lost.hidden = false; });
}
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.successful) lost.hidden = true;
});
