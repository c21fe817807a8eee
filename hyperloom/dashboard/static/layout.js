// Where the boxes of a graph lie: in layers, each below what feeds it, with few crossings.  Pure.

const STEPS_MOST = 150;  // places of arrows; more of them are drawn straight

// Arrows without those that would lead back: these have no layers.
function forward(number, arrows) {
  const out = Array.from({ length: number }, () => []);
  arrows.forEach(([from, to]) => { if (from !== to) out[from].push(to); });
  const state = new Uint8Array(number);  // 1: on the way here, 2: done
  const kept = [];
  for (let root = 0; root < number; root += 1) {
    if (state[root]) continue;
    const way = [[root, 0]];
    state[root] = 1;
    while (way.length) {
      const top = way[way.length - 1];
      const [box, at] = top;
      if (at === out[box].length) { state[box] = 2; way.pop(); continue; }
      top[1] += 1;
      const next = out[box][at];
      if (state[next] === 1) continue;
      kept.push([box, next]);
      if (!state[next]) { state[next] = 1; way.push([next, 0]); }
    }
  }
  return kept;
}

function levels(number, arrows) {
  const level = new Array(number).fill(0);
  const lacks = new Array(number).fill(0);
  const out = Array.from({ length: number }, () => []);
  arrows.forEach(([from, to]) => { lacks[to] += 1; out[from].push(to); });
  const ready = [...lacks.keys()].filter((box) => !lacks[box]);
  for (const box of ready) {  // grows while it is walked
    for (const next of out[box]) {
      level[next] = Math.max(level[next], level[box] + 1);
      lacks[next] -= 1;
      if (!lacks[next]) ready.push(next);
    }
  }
  return level;
}

// Each layer in the order of the middles of what its boxes are joined to, down and up in turns.
function order(layers, arrows) {
  const place = new Map();
  const joined = new Map();
  arrows.forEach(([from, to]) => {
    joined.set(to, [...(joined.get(to) || []), from]);
    joined.set(from, [...(joined.get(from) || []), to]);
  });
  const settle = (layer) => layer.forEach((box, at) => place.set(box, (at + 0.5) / layer.length));
  layers.forEach(settle);
  const middle = (box) => {
    const others = joined.get(box) || [];
    return others.length ? others.reduce((sum, each) => sum + place.get(each), 0) / others.length : place.get(box);
  };
  for (let round = 0; round < 6; round += 1) {
    for (const layer of round % 2 ? [...layers].reverse() : layers) {
      const wanted = new Map(layer.map((box) => [box, middle(box)]));
      layer.sort((one, other) => wanted.get(one) - wanted.get(other) || one - other);
      settle(layer);
    }
  }
}

// Arrows over several layers get a place in each between, so that they go around what lies there.
function stepped(number, arrows, level) {
  const steps = [];
  const ways = new Map();
  let next = number;
  arrows.forEach(([from, to]) => {
    let last = from;
    const way = [];
    for (let at = level[from] + 1; at < level[to] && next < number + STEPS_MOST; at += 1) {
      level[next] = at;
      steps.push([last, next]);
      way.push(next);
      last = next;
      next += 1;
    }
    steps.push([last, to]);
    ways.set(`${from} ${to}`, way);
  });
  return { steps, ways };
}

// Middles of `number` boxes of one size, and the points between by which each arrow goes.
// A layer with many boxes has several rows.  What no arrow joins comes last, out of their way.
export function layOut(number, arrows, size, room) {
  const drawn = forward(number, arrows);
  const level = levels(number, drawn);
  const { steps, ways } = stepped(number, drawn, level);
  const layers = [];
  const joined = new Set(steps.flat());
  level.forEach((at, box) => { if (joined.has(box)) (layers[at] = layers[at] || []).push(box); });
  order(layers, steps);
  const apart = [...Array(number).keys()].filter((box) => !joined.has(box));
  if (apart.length) layers.push(apart);
  const fit = Math.min(8, Math.floor(room / (size.width + size.gap)));  // such as need not be made smaller
  const columns = Math.max(fit, Math.ceil(1.6 * Math.sqrt(number)));
  const [wide, high] = [size.width + size.gap, size.height + size.gap];
  const most = Math.min(columns, Math.max(1, ...layers.map((layer) => layer.length)));
  const points = [];
  let y = size.gap + size.height / 2;
  layers.forEach((layer) => {
    for (let start = 0; start < layer.length; start += columns) {
      const row = layer.slice(start, start + columns);
      const left = ((most - row.length) * wide) / 2;
      row.forEach((box, at) => { points[box] = [left + size.gap / 2 + wide * at + size.width / 2, y]; });
      y += high;
    }
    y += size.between;
  });
  const between = (from, to) => (ways.get(`${from} ${to}`) || []).map((step) => points[step]);
  return { points, between, width: most * wide, height: y - size.between - size.height / 2 };
}
