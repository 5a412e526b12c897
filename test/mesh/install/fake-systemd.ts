import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file of {@link FakeSystemd}: `fail-restart` makes the next restart fail with its text. */
export type Failure = 'fail-daemon-reload' | 'fail-restart';

/**
 * `systemctl`, `journalctl` and `loginctl` of one user, as programs: what the command line calls
 * where no systemd runs. They start and stop the daemon of the unit for real, with nothing of the
 * caller's environment, and write down every call.
 */
export class FakeSystemd {
  readonly folder: string;
  /** Goes before the PATH. */
  readonly bin: string;
  readonly unit: string;

  constructor(folder: string) {
    this.folder = folder;
    this.bin = join(folder, 'bin');
    this.unit = join(folder, 'config/systemd/user/cooee.service');
    mkdirSync(this.bin, { recursive: true });
    for (const name of ['systemctl', 'journalctl', 'loginctl']) {
      const file = join(this.bin, name);
      const script = join(import.meta.dirname, 'fake-systemctl.ts');
      writeFileSync(file, `#!/bin/sh\nexec '${process.execPath}' '${script}' ${name} "$@"\n`);
      chmodSync(file, 0o755);
    }
  }

  /** For the command line. */
  get env(): NodeJS.ProcessEnv {
    return {
      PATH: `${this.bin}:${process.env['PATH']}`,
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      FAKE_SYSTEMD: this.folder,
    };
  }

  /** The calls so far, without questions. */
  get calls(): readonly string[] {
    const all = this.#read('calls').split('\n');
    return all.filter((line) => line !== '' && !/ show |^loginctl/u.test(line));
  }

  get unitText(): string {
    return readFileSync(this.unit, 'utf8');
  }

  get log(): string {
    return this.#read('log');
  }

  /** The next call of that kind fails so; `status` is what systemd says of the process then. */
  fail(failure: Failure, stderr: string, status = ''): void {
    writeFileSync(join(this.folder, failure), stderr);
    writeFileSync(join(this.folder, 'status'), status);
  }

  /** Ends the daemon whatever state it is in. */
  close(): void {
    const pid = Number(this.#read('pid'));
    try {
      if (pid > 0) process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }

  #read(name: string): string {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}
