// The explorer as a page without a kernel: opens the file's data, mounts the views around one state.
import { h } from "./dom.js";
import { explorer } from "./explorer_page.js";
import { openFile } from "./page_data.js";

const root = document.getElementById("ee-root");

openFile().then((file) => explorer(root, file)).catch((error) => {
  document.documentElement.className = ""; // shows the words in the file
  root.prepend(h("p", { class: "ee-failed", role: "alert" }, `This page could not be opened: ${error.message}`));
  throw error;
});
