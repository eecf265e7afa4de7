"""Style and markup of the acceptance page."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #667085; --line: #d9dee8; --paper: #fff; --card: #f6f7fa;
  --pass: #17744a; --block: #b3261e; --open: #8a5a00; --one: #2f5fd0; --two: #c2571a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaf1; --soft: #9aa4b5; --line: #343b49; --paper: #14171d; --card: #1c212a;
  --pass: #4cc38a; --block: #ff8a80; --open: #e2b04a; --one: #86a8ff; --two: #ff9e66; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.banner { border-left: .5rem solid; padding: .75rem 1rem; background: var(--card); font-size: 1.1rem; }
.PASS, .pass { color: var(--pass); } .BLOCK, .block { color: var(--block); } .open { color: var(--open); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.text { overflow-wrap: anywhere; } .scroll { overflow-x: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 12px; } .grid { stroke: var(--line); }
.line0 { stroke: var(--one); fill: var(--one); } .line1 { stroke: var(--two); fill: var(--two); } polyline { fill: none !important; stroke-width: 2; }
svg text.line0, svg text.line1 { stroke: none; } svg text.line0 { fill: var(--one); } svg text.line1 { fill: var(--two); } .soft { color: var(--soft); }
"""

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{{ style_hash }}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ verdict.verdict }}: {{ title | shown }}</title>
<style>{{ style }}</style>
</head>
<body>
<h1>{{ title | shown }}: does the model do the job?</h1>
<p class="banner {{ verdict.verdict }}"><strong>{{ verdict.verdict }}</strong>
{% if verdict.clauses %}
{{ verdict.clauses | selectattr("verdict", "equalto", "pass") | list | length }} of {{ verdict.clauses | length }} clauses pass
{% endif %}
</p>
{% if verdict.notes %}
<ul>
{% for note in verdict.notes %}
<li>{{ note | shown }}</li>
{% endfor %}
</ul>
{% endif %}
{% if verdict.clauses %}
<h2>What was asked</h2>
<div class="scroll"><table>
<tr><th>clause</th><th>verdict</th><th>target</th><th>measured</th><th>95 % interval</th><th>cuts</th><th>condition, group</th>
<th>why, and what to try</th></tr>
{% for clause in verdict.clauses %}
<tr><td>{{ clause.clause }}</td><td class="{{ 'open' if clause.verdict == 'not proven' else clause.verdict }}"><strong>{{ clause.verdict }}</strong></td>
<td class="n">{{ clause.target | number }}</td><td class="n">{{ clause.measured | number }}</td>
<td class="n">{{ clause.low | number }} … {{ clause.high | number }}</td>
<td class="n">{{ clause.n }}</td><td>{{ clause.condition or "\u2013" }}, {{ clause.group or "\u2013" }}</td>
<td>{{ clause.reason }}{% if clause.fix %}<br><span class="soft">{{ clause.fix }}</span>{% endif %}</td></tr>
{% endfor %}
</table></div>
{% endif %}
<h2>Word error rate by condition</h2>
<svg viewBox="0 0 720 280" role="img" aria-label="Word error rate by condition, with 95 % intervals">
{% for y, label in chart.ticks %}
<line class="grid" x1="48" x2="704" y1="{{ y }}" y2="{{ y }}"/><text x="4" y="{{ y + 4 }}">{{ label }}</text>
{% endfor %}
{% for x, name in chart.conditions %}
<text x="{{ x }}" y="266" text-anchor="middle">{{ name | shown }}</text>
{% endfor %}
{% for line in chart.lines %}
<g class="line{{ loop.index0 }}"><polyline points="{{ line.path }}"/>
{% for point in line.points %}
<line x1="{{ point.x }}" x2="{{ point.x }}" y1="{{ point.low }}" y2="{{ point.high }}"/>
<circle cx="{{ point.x }}" cy="{{ point.y }}" r="4"><title>{{ point.label | shown }}</title></circle>
{% endfor %}
</g>
<text class="line{{ loop.index0 }}" x="{{ 60 + 80 * loop.index0 }}" y="12">{{ line.group }}</text>
{% endfor %}
</svg>
<h2>Word error rate by speaker</h2>
<div class="scroll"><table>
<tr><th>speaker</th><th>cuts</th>{% for condition in speakers[0] %}<th>{{ condition | shown }}</th>{% endfor %}</tr>
{% for name, scores in speakers[1] %}
<tr><td>{{ name | shown }}</td><td class="n">{{ scores | select | map(attribute="n") | max }}</td>
{% for score in scores %}<td class="n">{{ score.value | number if score else "\u2013" }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
<h2>Worst answers</h2>
<div class="scroll"><table>
<tr><th>condition</th><th>errors</th><th>said</th><th>answered</th><th>cut</th></tr>
{% for answer in worst %}
<tr><td>{{ answer.condition | shown }}</td><td class="n">{{ answer.errors }}</td><td class="text">{{ answer.reference | shown }}</td>
<td class="text">{{ answer.text | shown or "(nothing)" }}</td><td class="text soft">{{ answer.cut | shown }}</td></tr>
{% else %}
<tr><td colspan="5">No answer was wrong, clean or in the place.</td></tr>
{% endfor %}
</table></div>
<h2>What was judged</h2>
<dl>
{% for name, value in facts.items() %}
<dt>{{ name }}</dt><dd>{{ value | shown }}</dd>
{% endfor %}
</dl>
</body>
</html>
"""
