/** The shapes of what the engine answers. Times are epoch milliseconds; values are the JSON likeness of Python's. */

export type RunStatus =
  | "pending" | "running" | "suspended" | "held" | "dead"
  | "completed" | "failed" | "cancelled" | "timed_out" | "terminated";

/** What a run waits for at one of its awaits. */
export interface Wait {
  /** "activity", "sleep", "signal", "review", "child", … */
  kind: string;
  name?: string | null;
  step?: number;
  deadline?: number | null;
  attempt?: number;
  [more: string]: any;
}

export interface Run {
  id: string;
  workflow: string;
  version: string;
  status: RunStatus;
  /** how many have been completed */
  steps: number;
  created_at: number;
  updated_at: number;
  finished_at: number | null;
  input: any;
  result: any;
  error: { code: string; message: string; traceback?: string | null } | null;
  attributes: Record<string, any>;
  tags: string[];
  idempotency_key: string | null;
  cancel_requested: boolean;
  waiting_for: Wait[];
  signals: any[];
  /** why, if its status is "held" */
  held?: Record<string, any>;
}

/** A frame of a suspended function, innermost last. */
export interface Frame {
  function: string;
  file: string;
  line: number | null;
  label: string;
  code: string;
  source: { first_line: number; lines: string[] } | null;
  locals: { name: string; type: string; text: string }[];
}

export interface FramesView {
  run_id: string;
  step: number;
  tasks: { task: number; frames: Frame[] }[];
}

/** What people are asked. */
export interface Review {
  id: string;
  run_id: string;
  type: string;
  status: string;
  artifact: any;
  reviewers: string[];
  requested_at: number;
  deadline: number | null;
  [more: string]: any;
}

declare global {
  interface HTMLElementTagNameMap {
    "weft-panel": import("./panel.mjs").WeftPanel;
  }
}
