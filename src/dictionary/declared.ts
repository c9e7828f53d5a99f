import { z } from '@hono/zod-openapi'

/** What a property or a trait can be declared to hold. */
export const declaredTypes = ['string', 'number', 'boolean', 'date', 'phone', 'email', 'enum', 'list'] as const
export type DeclaredType = (typeof declaredTypes)[number]

const sourceKey = z.string().min(1).max(100)

/** Who wins when sources disagree. */
export const win = z.union([z.enum(['latest', 'first']), z.array(sourceKey).min(1).max(50)]).openapi({
  description: 'Which value counts: the latest, the first, or the latest of the best source that has one (source keys, best first)',
  example: ['his', 'mini_program'],
})
export type DeclaredWin = z.infer<typeof win>

const purpose = z.string().min(1).max(255)
const consentText = /^consents\/(?<purpose>.+)$/

/** `{consent: purpose}`, or the same as the text `consents/marketing`. */
export const mirrorOfConsent = z
  .union([
    z.strictObject({ consent: purpose }),
    z
      .string()
      .max(300)
      .regex(consentText, 'a mirror is a consent: {"consent": "marketing"} or "consents/marketing"')
      .transform(text => ({ consent: consentText.exec(text)?.groups?.purpose ?? '' })),
  ])
  .openapi({
    description: 'The trait is the state of this consent: true given, false withdrawn, missing where it was never asked',
    example: { consent: 'marketing' },
  })

interface Declaration {
  type?: DeclaredType | undefined
  values?: Readonly<Record<string, unknown>> | undefined
  win?: DeclaredWin | undefined
  mirror?: unknown
  personal?: boolean | undefined
}

/** What a declaration says that cannot be, and where. */
export function declarationFault({ type, values = {}, win, mirror, personal }: Declaration): { path: string; message: string } | undefined {
  if (type === 'enum' && Object.keys(values).length === 0) return { path: 'values', message: 'an enum names its values here' }
  if (mirror === undefined) return undefined
  if (win !== undefined) return { path: 'win', message: 'a trait that mirrors a consent has no sources that could disagree: leave win out' }
  if (type !== undefined && type !== 'boolean')
    return { path: 'type', message: 'a trait that mirrors a consent is true or false: its type is boolean' }
  if (personal) return { path: 'personal', message: 'the state of a consent is compared in clear: leave personal out' }
  return undefined
}
