import type { CanonicalEvent } from '../event.ts'
import { isObject, type Message } from './message.ts'

type Channel = CanonicalEvent['channel']

/** Where a message was made: what its source is set to, else what the message or its library says. */
export function channelOf(message: Message, library: unknown, source: Channel): Channel {
  if (source !== 'other') return source
  if (message.channel === 'browser' || message.channel === 'web') return 'web'
  if (message.channel === 'server' || message.channel === 'mobile') return message.channel
  return isObject(library) && typeof library.name === 'string' ? libraryChannel(library.name) : 'other'
}

const libraries: readonly [RegExp, Channel][] = [
  [/miniprogram|mini-program|weapp/i, 'mini_program'],
  [/android|ios|swift|kotlin|flutter|react-native|unity|xamarin|maui/i, 'mobile'],
  [/^(analytics\.js|@segment\/analytics-next|npm:next|rudderlabs javascript sdk|@rudderstack\/analytics-js)/i, 'web'],
  [/node|python|ruby|golang|analytics-go|java$|php|\.net|rust|http/i, 'server'],
]

function libraryChannel(name: string): Channel {
  return libraries.find(([pattern]) => pattern.test(name))?.[1] ?? 'other'
}

/** Made on a person's device, so that the sender's address is the person's. */
export function isClientSide(channel: Channel): boolean {
  return channel === 'web' || channel === 'mobile' || channel === 'mini_program'
}
