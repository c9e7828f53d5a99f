import type { Format } from '../format.ts'
import { platform } from './platform.ts'
import { rudder } from './rudder.ts'
import { segment } from './segment.ts'

/** In the order in which they are asked: RudderStack's senders share most paths with Segment's and are known by their headers. */
export const formats: readonly Format[] = [rudder, segment, platform]

/** @throws for a name that this version does not know: its records wait for one that does */
export function formatNamed(name: string): Format {
  const found = formats.find(format => format.name === name)
  if (!found) throw new Error(`no format named ${name} in this version`)
  return found
}
