// Actors: how they are, where they live, how many calls run and wait.
import { Act } from "../actions.js";
import { jobLink, logsLink, nodeLink, profileLink, taskLink } from "../links.js";
import { count, html, Table, Trouble, useAnswer } from "../parts.js";

export function Actors({ rest }) {
  const { answer, error } = useAnswer(`/api/actors${rest[0] ? `?job=${rest[0]}` : ""}`);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  return html`<${Table} caption="Actors that are not over" rows=${answer.actors} rowKey=${(row) => row.id} empty="There is none." columns=${[
    ["Actor", (row) => taskLink(row.id, row.short)], ["Class", (row) => row.class],
    ["Name", (row) => `${row.name}${row.detached ? " (detached)" : ""}`],
    ["State", (row) => html`<span class=${row.state === "ALIVE" ? "good" : "warn"}>${row.state}</span>`],
    ["Node", (row) => nodeLink(row.node)],
    ["Calls so far", (row) => count(row.dealt), "number"], ["Calls running", (row) => count(row.answering), "number"],
    ["Calls waiting", (row) => count(row.waiting), "number"],
    ["Restarts", (row) => count(row.restarts), "number"], ["Job", (row) => jobLink(row.job)],
    ["", (row) => html`${logsLink(row.id)} · ${profileLink(row.id)}`],
    ["", (row) => html`<${Act} what="kill" id=${row.id} label="kill"/>`],
  ]}/>`;
}
