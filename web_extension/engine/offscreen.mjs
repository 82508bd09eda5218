/** Chromium's place for the engine: a document that nobody sees. */
import { api } from "./api.mjs";
import { runEngine } from "./engine_page.mjs";

void runEngine((message) => api.runtime.sendMessage(message));
