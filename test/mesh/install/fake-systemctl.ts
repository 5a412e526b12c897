import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execWords } from '../../unit/bootstrap/service/unit-words.ts';

// Run by the programs of fake-systemd.ts: `systemctl --user restart cooee.service` and the like.

const folder = process.env['FAKE_SYSTEMD'] ?? '';
const [name = '', ...given] = process.argv.slice(2);
const args = given.filter((word) => word !== '--user');
const file = (part: string): string => join(folder, part);
const read = (part: string): string =>
  existsSync(file(part)) ? readFileSync(file(part), 'utf8') : '';
const unit = join(process.env['XDG_CONFIG_HOME'] ?? '', 'systemd/user/cooee.service');

appendFileSync(file('calls'), `${[name, ...given].join(' ')}\n`);
process.exitCode = await run();

async function run(): Promise<number> {
  if (name === 'journalctl') {
    process.stdout.write(read('log'));
    return 0;
  }
  if (name === 'loginctl') {
    process.stdout.write('Linger=no\n');
    return 0;
  }
  const [verb = ''] = args;
  if (existsSync(file(`fail-${verb}`))) {
    process.stderr.write(`${read(`fail-${verb}`)}\n`);
    rmSync(file(`fail-${verb}`));
    return 1;
  }
  if (verb === 'restart') {
    await stop();
    await start();
  }
  if (verb === 'enable') writeFileSync(file('enabled'), '');
  if (verb === 'disable') {
    if (args.includes('--now')) await stop();
    rmSync(file('enabled'), { force: true });
  }
  if (verb === 'show') show();
  return 0;
}

/** As systemd does: the words of the unit, and nothing of this environment. */
async function start(): Promise<void> {
  const line = /^ExecStart=(.*)$/mu.exec(readFileSync(unit, 'utf8'))?.[1] ?? '';
  for (const part of ['exit', 'pid']) rmSync(file(part), { force: true });
  const script = '"$@" >>"$0/log" 2>&1 & echo $! >"$0/pid"; wait $!; echo $? >"$0/exit"';
  const child = spawn('/bin/sh', ['-c', script, folder, ...execWords(line)], {
    detached: true,
    stdio: 'ignore',
    env: { HOME: folder, PATH: '/usr/bin:/bin' },
  });
  child.unref();
  while (read('pid') === '') await sleep(5);
}

async function stop(): Promise<void> {
  const pid = Number(read('pid'));
  if (pid === 0 || existsSync(file('exit'))) return;
  process.kill(pid, 'SIGTERM');
  while (!existsSync(file('exit'))) await sleep(20);
}

function show(): void {
  const isStarted = existsSync(file('pid'));
  const exit = read('exit').trim();
  const active = !isStarted || exit === '0' ? 'inactive' : exit === '' ? 'active' : 'failed';
  const sub = { inactive: 'dead', active: 'running', failed: 'failed' }[active];
  const all = {
    ActiveState: active,
    SubState: sub,
    UnitFileState: existsSync(file('enabled')) ? 'enabled' : 'disabled',
    MainPID: active === 'active' ? read('pid').trim() : '0',
    Result: active === 'failed' ? 'exit-code' : 'success',
    ExecMainStatus: read('status').trim() || exit || '0',
    FragmentPath: existsSync(unit) ? unit : '',
  };
  const wanted = new Set((given.at(-1) ?? '').replace('--property=', '').split(','));
  for (const [key, value] of Object.entries(all)) {
    if (wanted.has(key)) process.stdout.write(`${key}=${value}\n`);
  }
}
