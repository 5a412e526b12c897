import type { Command } from 'commander';
import type { Act } from '../program.ts';

/** Commands that copy a node's home away, and back. */
export function defineBackupCommands(program: Command, act: Act): void {
  program
    .command('backup')
    .description("write this node's home into a file, sealed with a passphrase")
    .argument('<file>', 'the backup')
    .option('--passphrase-file <path>', 'file with the passphrase (also: COOEE_PASSPHRASE)')
    .option('--force', 'replace a regular file that is there')
    .action((file: string, options) =>
      act(async (context) => (await import('./backup.ts')).runBackup(context, file, options)),
    );
  program
    .command('restore')
    .description('put a backup back into an empty home; the node is a replica until re-added')
    .argument('<file>', 'the backup')
    .option('--passphrase-file <path>', 'file with the passphrase (also: COOEE_PASSPHRASE)')
    .option('--lead', 'the only voter leads again, although other members may know more')
    .action((file: string, options) =>
      act(async (context) => (await import('./restore.ts')).runRestore(context, file, options)),
    );
}
