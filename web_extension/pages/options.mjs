/** The options page: settings, everything as one file, and all clips in Weft's own panel. */
import "../weft/panel.mjs";
import { connected } from "../engine/connected.mjs";
import { showData } from "./options_data.mjs";
import { showHosts } from "./options_hosts.mjs";
import { showSettings } from "./options_settings.mjs";

const at = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

const weft = connected((trouble) => void (at("trouble").textContent = trouble));
/** @type {import("../weft/panel.mjs").WeftPanel} */ (document.querySelector("weft-panel")).weft = weft;
void showSettings(at("settings"), { error: at("webhook-error"), saved: at("saved") });
showHosts(at("hosts"), at("allow"));
showData(weft, { backup: at("backup"), exporting: at("exporting"), importing: at("importing"), file: at("file"), said: at("moved"), dialog: at("confirm"), about: at("confirm-about") });
