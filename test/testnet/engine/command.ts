import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** The program is killed after this time. Default 120,000. */
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end. It is in a process group of its own: an interrupt at the keyboard must
 * not end the engine before the containers are taken down.
 */
export async function run(
  program: string,
  args: readonly string[],
  { env = {}, cwd, timeoutMs = 120_000 }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    // What an engine needs stands where not every account looks.
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => {
    stderr += `\nkilled: it took more than ${timeoutMs} ms`;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    // Not `close`: what it left running may hold its pipes open.
    const code = await new Promise<number | null>((done) => {
      child.once('error', (error) => {
        stderr += error.message;
        done(127);
      });
      child.once('exit', (status) => setTimeout(() => done(status), 5));
    });
    return { code, stdout, stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** As {@link run}; what it printed. Throws when it failed, with what it said. */
export async function must(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code === 0) return stdout;
  const said = `${stdout}\n${stderr}`.trim().slice(-2_000);
  throw new Error(`${program} ${args.join(' ')}: exit ${code}\n${said}`);
}

/** Whether a program can be run at all. */
export async function has(program: string): Promise<boolean> {
  return (await run('sh', ['-c', 'command -v "$1"', 'sh', program])).code === 0;
}
