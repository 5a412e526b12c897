import type { Command } from 'commander';
import { addDaemonOptions } from '../node/define.ts';
import type { Act } from '../program.ts';

const USER = "your own service, of your login, instead of the system's";

/** Commands about the daemon as a service of the system. */
export function defineServiceCommands(program: Command, act: Act): void {
  const service = program
    .command('service')
    .description('keep the daemon running as a service of this host: systemd or launchd');
  defineInstall(service, act);
  service
    .command('remove')
    .description('stop the service and remove it; the home stays')
    .option('--user', USER)
    .action((options) =>
      act(async (context) => (await import('./remove.ts')).runServiceRemove(context, options)),
    );
  service
    .command('status')
    .description('how the service is; exit 1 when it does not run')
    .option('--user', USER)
    .action((options) =>
      act(async (context) => (await import('./status.ts')).runServiceStatus(context, options)),
    );
  service
    .command('logs')
    .description('what the daemon has logged as a service')
    .option('--user', USER)
    .option('--lines <count>', 'the last so many lines', '100')
    .option('--follow', 'go on with what comes')
    .action((options) =>
      act(async (context) => (await import('./logs.ts')).runServiceLogs(context, options)),
    );
}

function defineInstall(service: Command, act: Act): void {
  const install = service
    .command('install')
    .description('install the service and start it; once more: change its options, restart it')
    .option('--user', USER)
    .option('--join <invite>', 'join a mesh: INVITE, - for stdin, or @FILE (also: COOEE_INVITE)')
    .option('--print', 'only print what would be installed');
  addDaemonOptions(install).action((options) =>
    act(async (context) => (await import('./install.ts')).runServiceInstall(context, options)),
  );
}
