/**
 * One handler a route: takes a request apart, calls a service, says with which status.
 *
 * @packageDocumentation
 */
import * as agents from './agents.ts';
import * as calls from './calls.ts';
import type { HandledName, Handler } from './define.ts';
import * as log from './log.ts';
import * as members from './members.ts';
import * as operating from './operating.ts';
import * as records from './records.ts';
import * as sessions from './sessions.ts';
import * as submissions from './submissions.ts';

export type { Answer, Call, HandledName, Handler } from './define.ts';

/** Operation id → handler; a route without one does not compile. */
export const HANDLERS: { readonly [N in HandledName]: Handler<N> } = {
  ...operating,
  ...log,
  ...records,
  ...members,
  ...agents,
  ...submissions,
  ...sessions,
  ...calls,
};
