import type { Tool } from '../tool.ts';
import { agentTools } from './agents.ts';
import { callTools } from './calls.ts';
import { recordTools } from './records.ts';
import { statusTools } from './status.ts';
import { submissionTools } from './submissions.ts';

/** The table of tools, in the order in which they are listed; a further tool is one entry. */
export const TOOLS: readonly Tool[] = [
  ...statusTools,
  ...agentTools,
  ...submissionTools,
  ...callTools,
  ...recordTools,
];
