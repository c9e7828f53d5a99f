import parsePhoneNumber from 'libphonenumber-js/max'

/** Turns a value into the one way of writing it, or undefined where it cannot be one of its kind. */
export type Normaliser = (value: string) => string | undefined

/** E.164. A number without country code is read as Chinese, where `199 0000 0001`, full-width digits, `0086` and `+86` are usual. */
export function phone(value: string): string | undefined {
  const ascii = value.normalize('NFKC').replace(/[\s\-()._‐-―]/g, '')
  const mobile = /^(?:\+?86|0086)?(1[3-9]\d{9})$/.exec(ascii)
  if (mobile) return `+86${mobile[1]}`
  if (!/^\+?\d{5,20}$/.test(ascii)) return undefined
  const international = ascii.startsWith('00') ? `+${ascii.slice(2)}` : ascii
  const parsed = parsePhoneNumber(international, 'CN')
  return parsed?.isValid() ? parsed.number : undefined
}

/** Lower case throughout: mailboxes that differ in case only are the same person in practice. */
export function email(value: string): string | undefined {
  const text = value.normalize('NFKC').trim().toLowerCase()
  return text.length <= 254 && /^[^\s@"(),:;<>[\]\\]{1,64}@(?:[^\s@.,:;<>()[\]\\_]+\.)+[^\s@.,:;<>()[\]\\_\d]{2,}$/.test(text)
    ? text
    : undefined
}

/** The text without surrounding space; control characters are no identifier. */
export function text(value: string): string | undefined {
  const trimmed = value.trim()
  return trimmed.isWellFormed() && !/\p{Cc}/u.test(trimmed) ? trimmed : undefined
}

export const formats = { phone, email, text } as const
