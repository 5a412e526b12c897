import type {
  CommandResult,
  ServicePorts,
  ServiceSpec,
} from '../../../../bootstrap/service/index.ts';

export const SPEC: ServiceSpec = {
  version: '1.2.3',
  node: '/usr/bin/node',
  script: '/usr/lib/node_modules/cooee/dist/daemon/main.js',
  home: '/var/lib/cooee',
  words: [],
  folders: [],
};

/** A machine that remembers what it was told. Commands answer 0 and nothing unless told to. */
export class FakePorts implements ServicePorts {
  platform = 'linux';
  uid = 0;
  user = 'kim';
  homedir = '/home/kim';
  env: Record<string, string | undefined> = {};
  readonly files = new Map<string, { text: string; mode: number }>();
  readonly owners = new Map<string, number>();
  /** What is in folders that are there; names of folders end in a slash. */
  readonly folders = new Map<string, readonly string[]>();
  /** Every command, and every change of a file. */
  readonly did: string[] = [];
  /** Answers by the beginning of a command; the longest that fits. Several: one after the other. */
  readonly answers = new Map<string, Partial<CommandResult>[]>();

  answer(command: string, ...results: Partial<CommandResult>[]): this {
    this.answers.set(command, results);
    return this;
  }

  async run(command: string, args: readonly string[]): Promise<CommandResult> {
    const line = [command, ...args].join(' ');
    this.did.push(line);
    const fits = [...this.answers.keys()].filter((beginning) => line.startsWith(beginning));
    const best = fits.sort((a, b) => b.length - a.length)[0];
    const results = this.answers.get(best ?? '') ?? [];
    const result = results.length > 1 ? results.shift() : results[0];
    return { code: 0, stdout: '', stderr: '', ...result };
  }

  show(command: string, args: readonly string[]) {
    this.did.push([command, ...args].join(' '));
    return { done: Promise.resolve(0), end: () => undefined };
  }

  async readText(path: string): Promise<string | undefined> {
    return this.files.get(path)?.text;
  }

  async writeText(path: string, text: string, mode: number): Promise<void> {
    this.did.push(`write ${path} ${mode.toString(8)}`);
    this.files.set(path, { text, mode });
  }

  async remove(path: string): Promise<void> {
    this.did.push(`remove ${path}`);
    this.files.delete(path);
  }

  async ownerOf(path: string): Promise<number | undefined> {
    return this.owners.get(path);
  }

  async entriesIn(path: string) {
    const names = this.folders.get(path) ?? [];
    return names.map((it) => ({ name: it.replace('/', ''), isDirectory: () => it.endsWith('/') }));
  }

  /** What was done, without questions. */
  get changes(): readonly string[] {
    return this.did.filter((line) => !/systemctl (--user )?show|^loginctl|print /u.test(line));
  }
}

/** The code of the error that `work` ends with. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  return await work.then(
    () => undefined,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
}
