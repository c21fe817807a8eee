// Actors: how they are, where they live, how many calls run and wait.
import { useState } from "../vendor/hooks.mjs";
import { Act } from "../actions.js";
import { jobLink, logsLink, nodeLink, profileLink, taskLink } from "../links.js";
import { clock, count, html, Table, Trouble, useAnswer } from "../parts.js";

export function Actors({ rest }) {
  const [all, setAll] = useState(false);
  const asked = [rest[0] ? `job=${rest[0]}` : "", all ? "all=1" : ""].filter(Boolean).join("&");
  const { answer, error } = useAnswer(`/api/actors${asked ? `?${asked}` : ""}`);
  if (error) return html`<${Trouble} text=${error}/>`;
  if (!answer) return html`<p class="empty">Reading …</p>`;
  const lives = (row) => row.state !== "DEAD";
  return html`<div class="tools"><label><input type="checkbox" checked=${all} onChange=${(event) => setAll(event.target.checked)}/> also the ${count(answer.ended)} that are over</label></div>
  <${Table} sparse caption=${all ? "Actors" : "Actors that are not over"} rows=${answer.actors} rowKey=${(row) => row.id} empty="There is none." columns=${[
    ["Actor", (row) => taskLink(row.id, row.short)], ["Class", (row) => row.class],
    ["Name", (row) => `${row.name || ""}${row.detached ? " (detached)" : ""}`],
    ["State", (row) => html`<span class=${row.state === "ALIVE" ? "good" : lives(row) ? "warn" : "quiet"}>${row.state}</span>`],
    ["Node", (row) => nodeLink(row.node)],
    ["Calls so far", (row) => count(row.dealt), "number"], ["Calls running", (row) => `${count(row.answering)}${row.paused ? ` (${count(row.paused)} paused)` : ""}`, "number"],
    ["Calls waiting", (row) => count(row.waiting), "number"],
    ["Restarts", (row) => count(row.restarts), "number"], ["Job", (row) => jobLink(row.job)],
    ["Ended", (row) => clock(row.ended)], ["Died of", (row) => row.error, "text"],
    ["", (row) => html`${logsLink(row.id)}${lives(row) ? html` · ${profileLink(row.id)}` : ""}`],
    ["", (row) => (lives(row) ? html`<${Act} what="kill" id=${row.id} label="kill"/>` : "")],
  ]}/>`;
}
