// Bundle the panel for anywidget: one file, with preact in React's place (React alone is larger than all of this).
import { rspack } from '@rspack/core';
import { copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '..', 'nbdeploy', 'frontends', 'static');

rspack(
  {
    mode: 'production',
    context: here,
    entry: './lib/widget/index.js',
    output: { path: out, filename: 'panel.js', library: { type: 'module' }, chunkFormat: 'module' },
    experiments: { outputModule: true },
    resolve: { alias: { react: 'preact/compat' } },
    performance: { hints: false }
  },
  (error, stats) => {
    if (error || stats.hasErrors()) {
      console.error(error ?? stats.toString('errors-only'));
      process.exit(1);
    }
    copyFileSync(join(here, 'style', 'base.css'), join(out, 'panel.css'));
  }
);
