// Everybody's own password: changed here, which ends all other logins with the old one.

import { announce, h } from "./dom.js";

/** Ask for both; ``change`` sends them. */
export function changePassword(change) {
  const field = (name, words, complete) => [h("label", { for: name }, words),
    h("input", { id: name, type: "password", autocomplete: complete, required: true, maxlength: 256 })];
  const problem = h("p", { class: "alarm", role: "alert" });
  const close = () => { dialog.close(); dialog.remove(); };
  const value = (name) => dialog.querySelector(`#${name}`).value;
  const send = async (event) => {
    event.preventDefault();
    if (value("new") !== value("again")) { problem.textContent = "The new password was not typed the same twice."; return; }
    try {
      await change(value("old"), value("new"));
      close();
      announce("Your password has been changed.");
    } catch (error) {
      problem.textContent = error.message;
    }
  };
  const dialog = h("dialog", { class: "decide", "aria-labelledby": "password-title" }, h("form", { onsubmit: send },
    h("h2", { id: "password-title" }, "Change your password"), field("old", "Old password", "current-password"),
    field("new", "New password, at least 12 characters", "new-password"), field("again", "New password once more", "new-password"), problem,
    h("div", { class: "row end" }, h("button", { type: "button", onclick: close }, "Cancel"), h("button", { type: "submit", class: "main" }, "Change"))));
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(); });
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  document.body.append(dialog);
  dialog.showModal();
}
