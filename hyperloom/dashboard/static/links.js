// From one thing to what it has to do with.
import { html } from "./parts.js";

const to = (page, ...rest) => `#/${[page, ...rest].map(encodeURIComponent).join("/")}`;

export const taskLink = (id, short) => html`<a href=${to("task", id)}>${short || id.slice(0, 12)}</a>`;
export const nodeLink = (id) => (id ? html`<a href=${to("nodes", id)}>${id.slice(0, 8)}</a>` : "");
export const jobLink = (id) => (id ? html`<a href=${to("jobs", id)}>${id}</a>` : "");
export const planLink = (id, text) => html`<a href=${to("plan", id)}>${text}</a>`;
export const logsLink = (id, text = "logs") => html`<a href=${to("logs", id)}>${text}</a>`;
export const profileLink = (id, text = "profile") => html`<a href=${to("profile", id)}>${text}</a>`;
export const graphLink = (id, text = "graph") => html`<a href=${to("graph", "task", id)}>${text}</a>`;
export const tasksLink = (job, name, text) => html`<a href=${to("tasks", job, name)}>${text}</a>`;

// The worker as its node's page shows it.
export const workerLink = (node, pid) => (pid ? html`<a href=${to("nodes", node)}>${pid}</a>` : "");

// Where something lies: on a node, or in the control plane.
export const placeLink = (where) => (/^[0-9a-f]{16}$/.test(where || "") ? nodeLink(where) : where || "");

const OF_JOB = [["jobs", "functions"], ["graph", "graph"], ["stream", "stream"], ["tasks", "tasks"],
  ["objects", "objects"], ["errors", "errors"], ["logs", "logs"]];

// Which job a page is about; the same on every page that is about one.
export function chosenJob(moment, rest) {
  return rest[0] || moment.usual || "";
}

export function JobTools({ moment, job, page }) {
  const ids = moment.jobs.map((each) => each.job);
  const known = ids.includes(job) || !job ? ids : [job, ...ids];
  const title = (id) => {
    const about = moment.jobs.find((each) => each.job === id);
    return about ? `${id} · ${about.state} · ${about.program.slice(0, 40)}` : id;
  };
  return html`<div class="tools">
    <label>Job <select value=${job} onChange=${(event) => { location.hash = to(page, event.target.value); }}>
      ${known.map((id) => html`<option key=${id} value=${id}>${title(id)}</option>`)}</select></label>
    ${OF_JOB.filter(([each]) => each !== page).map(([each, text]) => html`<a key=${each} href=${to(each, job)}>${text}</a>`)}
  </div>`;
}
