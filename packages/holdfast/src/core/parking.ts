/** Bounds of what a person may say of an integration as a whole. */

/** An integration is parked by hand for no longer, milliseconds: nobody remembers it after a week. */
export const PARK_MS_MAX = 7 * 86_400_000;
/** What goes on record of it, in characters. */
export const PARK_TEXT_MAX = 2_200;
