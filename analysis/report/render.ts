import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import type { TopLevelSpec } from 'vega-lite';

/** Vega's own logger is silenced: a plot has no console to warn on. */
const QUIET = { level: () => QUIET, error: quiet, warn: quiet, info: quiet, debug: quiet };

function quiet(): typeof QUIET {
  return QUIET;
}

/** Draws a plot without a browser or a canvas. Texts of the data are escaped by the renderer: they are never markup. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec, { logger: QUIET }).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
