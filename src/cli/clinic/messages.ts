import type { Fields, Row } from './rows.ts'

/** Columns that say who it is, and the namespaces of the ids among them that have no field of their own in a message. */
const externalIds: Record<string, Record<string, string>> = {
  behaviour: { openid: 'openid:wxdemo_mall', unionid: 'unionid' },
  registrations: { openid: 'openid:wxdemo_mall', unionid: 'unionid' },
  oa: { openid: 'openid:wxdemo_oa', unionid: 'unionid' },
  wecom: { external_userid: 'external_userid:wwdemo', unionid: 'unionid' },
}
const purposes = ['marketing', 'personalized', 'medical_profile']
/** What an event says of the person, by the column that says it. */
const traits: Record<string, string> = {
  wecom_friend: 'wecom_friend',
  first_state: 'first_state',
  nps: 'last_nps',
  followed: 'oa_followed',
}

/** Whether the system sends this as it happens, instead of exporting it at night. */
export function isLive({ file }: Row): boolean {
  return file in externalIds
}

/** A row as the SDK of its system sends it: what happened, and what is now known of the person. */
export function messagesOf({ file, at, fields }: Row): object[] {
  const ids = externalIds[file] ?? {}
  const { message_id, event, user_id, at: _, ...rest } = fields
  const externals = Object.entries(ids).flatMap(([column, type]) =>
    fields[column] === undefined ? [] : [{ id: fields[column], type, collection: 'users', encoding: 'none' }],
  )
  const who = { userId: user_id, timestamp: new Date(at).toISOString() }
  const said = without(rest, [...Object.keys(ids), ...purposes])
  const id = message_id ?? `${file}-${externals[0]?.id}-${Math.round(at)}`
  const isEvent = typeof event === 'string'
  const told = Object.entries(traits).flatMap(([column, key]) => (fields[column] === undefined ? [] : [[key, fields[column]]]))
  const consents = purposes.flatMap(purpose => (fields[purpose] === undefined ? [] : [[purpose, fields[purpose]]]))
  const identify = {
    ...who,
    type: 'identify',
    messageId: `${id}-who`,
    traits: isEvent ? Object.fromEntries(told) : { ...without(said, Object.keys(traits)), ...Object.fromEntries(told) },
    context: {
      externalIds: externals,
      ...(consents.length > 0 && { consent: { categoryPreferences: Object.fromEntries(consents) } }),
    },
  }
  if (!isEvent) return [identify]
  const track = { ...who, type: 'track', messageId: id, event, properties: said, context: { externalIds: externals } }
  return told.length > 0 ? [track, identify] : [track]
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)))
}
