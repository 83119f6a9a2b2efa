/** All rooms put together for one process that does everything. */
import { systemClock } from '#lib/base/clock.ts'
import { makeDeliverOutbound } from '#lib/mail/outbound/deliverOutbound.ts'
import { makeLookUpMx } from '#lib/mail/outbound/lookUpMx.ts'
import type { PipelineHandlers } from '#lib/mail/pipeline.ts'
import { openCheckInbound } from '#lib/mail/rooms/checkInbound.ts'
import { openReception } from '#lib/mail/rooms/reception.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import { doorDeps } from '#lib/serve/doors.ts'
import type { DoorDeps } from '#lib/serve/doors.ts'
import type { TlsKeeper } from '#lib/serve/tls.ts'
import type { Place } from '../place.ts'

export interface Rooms {
  readonly doors: DoorDeps
  readonly handlers: PipelineHandlers
  /** Hangs up on remote hosts. */
  closeDelivery(): Promise<void>
}

export function openRooms(place: Place, hostname: string, tls: TlsKeeper): Rooms {
  const shared = shareRooms({ ...place, hostname, clock: systemClock })
  const delivery = makeDeliverOutbound(shared)
  return {
    doors: doorDeps(shared, openReception(shared), tls),
    handlers: { checkInbound: openCheckInbound(shared), lookUpMx: makeLookUpMx(shared), deliverOutbound: delivery.handle },
    closeDelivery: () => delivery.close(),
  }
}
