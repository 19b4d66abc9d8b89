package plot

// Style is what the pictures need in the page's style sheet. A page may set the variables
// to colours of its own; these are told apart by people with the common kinds of colour
// blindness (after Okabe and Ito), and have a contrast of at least 3:1 with the background.
const Style = `
:root{--plot-0:#0067a5;--plot-1:#b34700;--plot-2:#00785a;--plot-3:#8f4a7d;--plot-4:#5b6b7a;--plot-bad:#c0182b;--plot-grid:#d5dbe1;--plot-text:#4a5560}
@media (prefers-color-scheme:dark){:root{--plot-0:#5ab4f0;--plot-1:#f0a050;--plot-2:#3cc79b;--plot-3:#d894c4;--plot-4:#9fb0c0;--plot-bad:#ff7a85;--plot-grid:#37424d;--plot-text:#b3bfca}}
@media print{:root{--plot-0:#0067a5;--plot-1:#b34700;--plot-2:#00785a;--plot-3:#8f4a7d;--plot-4:#5b6b7a;--plot-bad:#c0182b;--plot-grid:#d5dbe1;--plot-text:#333}}
svg.plot{display:block;width:100%;box-sizing:border-box;overflow:visible;font:12px system-ui,sans-serif;print-color-adjust:exact;-webkit-print-color-adjust:exact}
svg.plot.line{height:180px;padding:10px 12px 22px 56px}
svg.plot.time{padding:0 8px 22px 8px}
svg.plot.parts{height:16px}
svg.plot text{fill:var(--plot-text)}
svg.plot .grid{stroke:var(--plot-grid);stroke-width:1}
svg.plot .path{fill:none;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}
svg.plot .s0{stroke:var(--plot-0)}svg.plot .s1{stroke:var(--plot-1)}svg.plot .s2{stroke:var(--plot-2)}svg.plot .s3{stroke:var(--plot-3)}svg.plot .s4{stroke:var(--plot-4)}
svg.plot .f0{fill:var(--plot-0)}svg.plot .f1{fill:var(--plot-1)}svg.plot .f2{fill:var(--plot-2)}svg.plot .f3{fill:var(--plot-3)}svg.plot .f4{fill:var(--plot-4)}
svg.plot .bad{fill:var(--plot-bad)}
svg.plot .limit{stroke:var(--plot-bad);stroke-width:1;stroke-dasharray:5 4}
svg.plot .back{fill:var(--plot-grid)}
ul.plot-key{list-style:none;margin:4px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px}
ul.plot-key svg{width:12px;height:12px;vertical-align:-1px;margin-right:5px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
ul.plot-key .f0{fill:var(--plot-0)}ul.plot-key .f1{fill:var(--plot-1)}ul.plot-key .f2{fill:var(--plot-2)}ul.plot-key .f3{fill:var(--plot-3)}ul.plot-key .f4{fill:var(--plot-4)}
`

// colours is how many series are told apart; more of them begin again.
const colours = 5
