import { type DoctorLine, fail, ok, warn } from './line.ts';

/** The process that answers. */
export interface DaemonFacts {
  readonly version: string;
  readonly pid: number;
  readonly phase: 'starting' | 'joining' | 'member' | 'changing' | 'stopped';
}

/** A socket as it stands in the file system. */
export interface SocketFacts {
  /** `socket` or `agent socket`. */
  readonly name: string;
  readonly path: string;
  /** Permission bits; undefined when nothing is there. */
  readonly mode: number | undefined;
  /** Bits that it may have. */
  readonly modeMax: number;
}

/** Is the daemon up, and a member? */
export function judgeDaemon({ version, pid, phase }: DaemonFacts): DoctorLine {
  const running = `version ${version} runs as process ${pid}`;
  if (phase === 'member') return ok('daemon', running);
  if (phase === 'joining') {
    return warn(
      'daemon',
      `${running} and is not a member yet`,
      'See that the inviting host is up and can be reached; it is tried until the invite expires.',
    );
  }
  return warn('daemon', `${running} and is ${phase}`, 'Look again in a moment: cooee doctor');
}

/** Does the socket stand where it should, closed to others? */
export function judgeSocket({ name, path, mode, modeMax }: SocketFacts): DoctorLine {
  if (mode === undefined) {
    return fail(name, `${path} is gone`, 'Restart the daemon: cooee down, cooee up');
  }
  if ((mode & ~modeMax) === 0) return ok(name, `${path}, mode 0${mode.toString(8)}`);
  return warn(
    name,
    `${path} has mode 0${mode.toString(8)}`,
    `chmod ${modeMax.toString(8)} ${path}`,
  );
}

/** What is known where nobody answers on the socket. */
export interface SilenceFacts {
  readonly home: string;
  readonly socket: string;
  /** The process that wrote its number into the home, while it lives. */
  readonly holder: number | undefined;
  /** A socket is there all the same. */
  readonly isSocketLeft: boolean;
  /** Why no daemon can have that home is told beside. */
  readonly isNoHome?: boolean;
}

/** Nobody answers: why, as far as it can be seen from outside. */
export function judgeSilence(facts: SilenceFacts): DoctorLine {
  const { home, socket, holder, isSocketLeft, isNoHome = false } = facts;
  if (holder !== undefined) {
    return fail(
      'daemon',
      `process ${holder} holds ${home}, and nobody answers on ${socket}`,
      `If it has just begun, wait; else it was given another --socket, or hangs: kill ${holder}`,
    );
  }
  if (isNoHome) {
    return fail('daemon', `not running on ${home}`, 'Name its home first, with --home.');
  }
  const left = isSocketLeft ? '; it was killed, the next start replaces its socket' : '';
  return fail('daemon', `not running on ${home}${left}`, 'Start it: cooee up');
}
