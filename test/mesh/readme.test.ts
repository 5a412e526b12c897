/**
 * The README can be typed as it stands. Goal: a newcomer who copies its examples gets what it
 * shows. Method: the shell blocks marked `run`, `daemon` or `fails` are run in order by a shell in
 * this folder with a home folder of its own, and the `text` block behind each is held against what
 * was printed. All traffic stays on loopback: that is said in the nodes' configuration, so that not
 * a letter of the examples is changed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf, MODES, missingLine } from './doc-blocks.ts';
import { freePort, until } from './harness.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const blocks = blocksOf(readFileSync(join(ROOT, 'README.md'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'cooee-readme-'));
const children = new Set<ChildProcess>();

/** What the shell printed so far, and how it ended. */
interface Running {
  readonly child: ChildProcess;
  printed: string;
  readonly ended: Promise<number | null>;
}

function shell(script: string): Running {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: npx and the daemon below it are ended with it.
    detached: true,
    env: {
      ...process.env,
      HOME: folder,
      COOEE_HOME: '',
      NO_COLOR: '1',
      npm_config_offline: 'true',
      npm_config_update_notifier: 'false',
    },
  });
  children.add(child);
  const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
  const running: Running = { child, printed: '', ended };
  const note = (chunk: Buffer): void => {
    running.printed += chunk.toString();
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  void ended.then(() => children.delete(child));
  return running;
}

/** Reads may come a moment before the news: they are asked again. Everything else is typed once. */
const isRead = (script: string): boolean =>
  script
    .split('\n')
    .every((line) => line === '' || /^npx cooee (agents|members|resolve|status) /.test(line));

async function runDaemon(block: Block): Promise<void> {
  const running = shell(block.script);
  const shown = block.shown === '' ? 'mesh …\nnode …\nnext …' : block.shown;
  await until(
    'the daemon shows its state',
    () => {
      if (running.child.exitCode !== null) throw new Error(`it ended: ${running.printed}`);
      const missing = missingLine(shown, running.printed);
      if (missing === undefined) return true;
      throw new Error(`"${missing}" is not in:\n${running.printed}`);
    },
    120_000,
  );
}

async function runOnce(block: Block): Promise<void> {
  const running = shell(block.script);
  const code = await running.ended;
  if (block.mode === 'run') expect(code, running.printed).toBe(0);
  else expect(code, running.printed).not.toBe(0);
  expect(missingLine(block.shown, running.printed), running.printed).toBeUndefined();
}

async function runBlock(block: Block): Promise<void> {
  if (block.mode === 'daemon') await runDaemon(block);
  else if (isRead(block.script)) {
    await until('the output that is shown', async () => await runOnce(block).then(() => true));
  } else await runOnce(block);
}

beforeAll(() => {
  // Everything said by the README is left as it is; only where the nodes listen is not.
  for (const name of new Set(
    blocks.flatMap((it) => it.script.match(/(?<=cooee-try\/)\w+/g) ?? []),
  )) {
    const home = join(folder, 'cooee-try', name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const listen = [`/ip4/127.0.0.1/tcp/${freePort()}`];
    writeFileSync(
      join(home, 'config.json'),
      JSON.stringify({ listen, mdns: false, ollama: false }),
    );
  }
});

afterAll(async () => {
  for (const { pid } of children) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  await until('all processes are gone', () => children.size === 0);
  rmSync(folder, { recursive: true, force: true });
});

describe('README.md, typed by a newcomer', () => {
  it('has examples that start nodes, run and fail', () => {
    for (const mode of MODES) expect(blocks.map((block) => block.mode)).toContain(mode);
  });

  it('is about a program that may be run, whoever built it last', () => {
    // Of a checkout that npx has met before, npx keeps the link and sets no mode again.
    expect(statSync(join(ROOT, 'dist/daemon/main.js')).mode & 0o111).toBe(0o111);
  });

  for (const block of blocks) {
    const [first = ''] = block.script.split('\n');
    it(`line ${block.line}: ${first}`, async () => await runBlock(block));
  }

  it('leaves no node running', async () => {
    await until('the daemons have ended', () => children.size === 0);
    expect(children.size).toBe(0);
  });
});
