import { mount } from "svelte";
import { i18n } from "./i18n/index.svelte";
import App from "./App.svelte";
import "./app.css";

// Without its texts it is English.
void i18n.load().catch(() => {}).then(() => mount(App, { target: document.body }));
