// Who are you?

import { post } from "../api.js";
import { h, put } from "../dom.js";

export function showLogin(root, onLogin, words = "") {
  const problem = h("p", { class: "alarm", role: "alert" }, words);
  const name = h("input", { id: "name", name: "name", autocomplete: "username", required: true, maxlength: 100 });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: 256 });
  const button = h("button", { type: "submit", class: "main" }, "Log in");
  put(root, h("div", { class: "login" }, h("h1", {}, "Gunshot sensor network"), h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      problem.textContent = "";
      try {
        onLogin(await post("/api/login", { name: name.value, password: password.value }));
      } catch (error) {
        problem.textContent = error.message;
        password.value = "";
        password.focus();
      } finally {
        button.disabled = false;
      }
    },
  }, h("label", { for: "name" }, "Name"), name, h("label", { for: "password" }, "Password"), password, problem, button),
  h("p", { class: "faint" }, "Every login, every decision and every hearing of evidence is written down.")));
  name.focus();
}
