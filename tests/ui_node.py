"""The page's modules in Node, for tests without a browser."""

import json
import shutil
import subprocess

import pytest

from eeviz.ui.standalone.bundle import bundle

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

_RUN = """
const { readFileSync, writeFileSync } = require("node:fs");
const [folder] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(`${folder}/cases.json`));
const array = (kind, name) => { const b = readFileSync(`${folder}/${name}`); return new kind(b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength)); };
const answer = (0, eval)(readFileSync(`${folder}/answer.js`, "utf8"));
writeFileSync(`${folder}/answers.json`, JSON.stringify(cases.map((one, i) => answer(table(one, i), one))));
function table(one, i) {
  if (!one.table) return null;
  return { ...one.table, confidence: array(Float32Array, `${i}.confidence`), right: array(Uint8Array, `${i}.right`),
           units: one.weighted ? array(Float64Array, `${i}.units`) : null };
}
"""


def in_node(folder, module: str, answer: str, cases: list[dict]) -> list:
    """[answer(table, case)] of a JavaScript function text, with the exports of static/`module` as `it`.

    A case with "records" and "cost" comes with a table as route.js has it.
    """
    told = []
    for i, case in enumerate(cases):
        records = case.pop("records", None)
        if records is not None:
            charge = records.cost(case.get("cost", "macs"))
            case["table"] = {
                "samples": len(records),
                "exits": records.exits_count,
                "positions": records.position.tolist(),
                "removable": records.removable,
                "terms": [{"backbone": t.backbone.tolist(), "heads": t.heads.tolist()} for t in charge.terms],
                "unit": charge.unit,
            }
            case["weighted"] = records.weight is not None
            (folder / f"{i}.confidence").write_bytes(records.confidence[:, :-1].tobytes(order="F"))
            (folder / f"{i}.right").write_bytes(records.correct.astype("u1").tobytes(order="F"))
            if records.weight is not None:
                (folder / f"{i}.units").write_bytes(records.units.astype("f8").tobytes())
        told.append(case)
    (folder / "cases.json").write_text(json.dumps(told))
    (folder / "answer.js").write_text(answer)
    (folder / "run.cjs").write_text(bundle(module, "it") + _RUN)
    done = subprocess.run(["node", "run.cjs", str(folder)], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((folder / "answers.json").read_text())
