import type { Service } from '../../../bootstrap/service/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';

/** The service as `--json` shows it. */
export interface ServiceView {
  readonly manager: 'systemd' | 'launchd';
  readonly scope: 'system' | 'user';
  readonly name: string;
  readonly file: string;
  readonly home: string | null;
  readonly running: boolean;
  readonly enabled: boolean;
  readonly state: string;
  readonly pid: number | null;
}

/** How the service is now. */
export async function serviceView(service: Service): Promise<ServiceView> {
  const { manager, scope, name, file } = service;
  const [state, home] = [await service.state(), await service.home()];
  return {
    manager,
    scope,
    name,
    file,
    home: home ?? null,
    running: state.isRunning,
    enabled: state.isEnabled,
    state: state.text,
    pid: state.pid ?? null,
  };
}

/** The same for people. */
export function serviceLines(view: ServiceView): string {
  const whose = view.scope === 'system' ? 'of the system' : 'of this user';
  const start = view.scope === 'system' ? 'at boot' : 'at login';
  const rows: readonly (readonly [string, string])[] = [
    ['service', `${view.name}  ${view.manager}, ${whose}`],
    ['file', view.file],
    ['state', view.pid === null ? view.state : `${view.state}, pid ${view.pid}`],
    ['starts', view.enabled ? start : 'by hand only'],
    ['home', view.home ?? 'unknown'],
  ];
  return rows.map(([name, text]) => `${name.padEnd(9)}${sanitizeLine(text)}\n`).join('');
}
