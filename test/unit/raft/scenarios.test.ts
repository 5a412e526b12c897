import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runStep } from './script/commands.ts';
import { formatScript, parseScript } from './script/parse.ts';
import { World } from './script/world.ts';

// Goal: every rule of the core in a script that a reviewer can read. REWRITE=1 writes the traces
// anew; read them before they are kept.
const FOLDER = join(import.meta.dirname, '../../data/raft');
const SCRIPTS = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

describe('scenarios', () => {
  it('has a script for each rule', () => {
    expect(SCRIPTS.length).toBeGreaterThanOrEqual(40);
  });

  it.each(SCRIPTS)('%s', (name) => {
    const path = join(FOLDER, name);
    const text = readFileSync(path, 'utf8');
    const steps = parseScript(text);
    expect(text.startsWith('# '), 'it opens with its rule and the source').toBe(true);
    const world = new World();
    const traces = steps.map((step) => runStep(world, step));
    const actual = formatScript(steps, traces);
    if (process.env['REWRITE'] === '1') writeFileSync(path, actual);
    else expect(actual).toBe(text);
  });
});
