/** How a session ends other than by LOGOUT: thrown wherever it shows, heard by the loop over the commands. */

export { ConnectionEnded } from '../input.ts'

/** Ends the session with BYE: what led here leaves nothing to answer. */
export class Goodbye extends Error {
  override readonly name = 'Goodbye'
}
