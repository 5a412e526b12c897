import { resolve } from 'node:path';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../progress.ts';
import { readPassphrase } from './passphrase.ts';
import type { Restored } from './tools.ts';

/** Options of `cooee restore` as they were typed. */
export interface RestoreFlags {
  readonly passphraseFile?: string;
  readonly lead?: boolean;
}

/** `cooee restore FILE`: into a home that is empty or not there. */
export async function runRestore(
  context: CliContext,
  source: string,
  flags: RestoreFlags,
): Promise<number> {
  const { host } = context;
  const tools = await host.loadBackup();
  const path = flags.passphraseFile;
  const passphrase = await readPassphrase(context, {
    file: path === undefined ? undefined : resolve(host.cwd, path),
    isNew: false,
  });
  const restored = await withProgress(host.stderr, 'restoring', () =>
    tools.restoreBackup({
      file: resolve(host.cwd, source),
      home: context.home,
      passphrase,
      isLead: flags.lead === true,
      nowMs: host.nowMs(),
    }),
  );
  context.answer(restored, () => textOf(restored, context.command));
  return 0;
}

function textOf({ home, made, name, files }: Restored, command: string): string {
  return (
    `${home}  ${files} files, as of ${made} on ${sanitizeLine(name)}\n` +
    'The home that it was made of must not run any more.\n' +
    `next  ${command} up\n`
  );
}
