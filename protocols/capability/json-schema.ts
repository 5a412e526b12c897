import { z } from 'zod';
import { announcementSchema } from './codec.ts';

/** The JSON Schema (2020-12) of an announcement, as in docs/schemas/announcement.json. */
export function announcementJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(announcementSchema), title: 'Announcement' };
}
