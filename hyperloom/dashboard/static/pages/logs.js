// What workers printed: of a task, an actor, a job, a node, or all; as it comes.
import { useEffect, useRef, useState } from "../vendor/hooks.mjs";
import { nodeLink } from "../links.js";
import { html, size, Table, Trouble, useAnswer } from "../parts.js";

const MOST = 400_000;  // characters that are kept here
const EVERY_MS = 1000;

function useText(file, task, follow) {
  const [text, set] = useState("");
  const next = useRef(null);
  const key = file ? `${file.node} ${file.name}` : "";
  useEffect(() => { next.current = null; set(""); }, [key]);
  useEffect(() => {
    if (!file) return undefined;
    let over = false;
    let timer = null;
    async function ask() {
      try {
        const start = next.current === null ? "" : `&start=${next.current}`;
        const reply = await fetch(`/api/log?node=${file.node}&name=${encodeURIComponent(file.name)}&task=${task}${start}`);
        const part = await reply.json();
        if (!over && reply.ok) {
          next.current = part.next;
          if (part.text) set((before) => (before + part.text).slice(-MOST));
        }
      } catch { /* the common moments tell of it */ }
      if (!over && follow) timer = setTimeout(ask, EVERY_MS);
    }
    ask();
    return () => { over = true; clearTimeout(timer); };
  }, [key, follow]);
  return text;
}

function Text({ file, task }) {
  const [follow, setFollow] = useState(true);
  const text = useText(file, task, follow);
  const box = useRef(null);
  useEffect(() => { if (follow) box.current.scrollTop = box.current.scrollHeight; }, [text, follow]);
  return html`<section class="card"><h2>Worker ${file.pid} on node ${file.node.slice(0, 8)} <span class="label">${file.name}</span></h2>
    <div class="tools"><label><input type="checkbox" checked=${follow} onChange=${(event) => setFollow(event.target.checked)}/> Follow</label></div>
    <pre class="log" tabindex="0" aria-label="What it printed" ref=${box}>${text || "It has printed nothing."}</pre></section>`;
}

export function Logs({ rest }) {
  const id = rest[0] || "";
  const { answer, error } = useAnswer(`/api/logs${id ? `?id=${encodeURIComponent(id)}` : ""}`, 3000);
  const [chosen, choose] = useState(null);
  const files = answer ? answer.files : [];
  const same = (file) => chosen && file.node === chosen.node && file.name === chosen.name;
  const shown = files.find(same) || files.find((file) => file.bytes) || files[0];
  const go = (event) => { event.preventDefault(); location.hash = `#/logs/${encodeURIComponent(event.target.elements.id.value.trim())}`; };
  return html`<form class="tools" onSubmit=${go}>
      <label>Of task, actor, job or node <input name="id" key=${id} defaultValue=${id} placeholder="all"/></label><button>Show</button>
      ${id && html`<a href="#/logs">all workers</a>`}</form>
    <${Trouble} text=${error}/>
    ${shown && html`<${Text} key=${`${shown.node} ${shown.name} ${answer.task}`} file=${shown} task=${answer.task}/>`}
    ${answer && html`<${Table} caption="Workers that printed" rows=${files} rowKey=${(file) => `${file.node} ${file.name}`} empty="Nothing was printed." columns=${[
      ["File", (file) => html`<button class="link" aria-pressed=${file === shown ? "true" : "false"} onClick=${() => choose(file)}>${file.name}</button>`],
      ["Process", (file) => file.pid, "number"], ["Node", (file) => nodeLink(file.node)], ["Size", (file) => size(file.bytes), "number"],
    ]}/>`}`;
}
