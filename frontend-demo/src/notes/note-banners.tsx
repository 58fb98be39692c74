/** What stands between the toolbar and the text when something is not as usual. At most one at a time. */

import { pauseReason } from '../collab/close-codes';
import type { RoomSession } from '../collab/room-session';
import { strings } from '../strings';
import { Button } from '../ui/button';
import { Banner } from '../ui/message';
import { CopyNoteText } from './ended-panel';

export function NoteBanner({ session }: { session: RoomSession }) {
  const { phase, closing } = session.connection.value;
  const saved = session.saved.value;
  if (saved.status === 'refused' && saved.refusal !== undefined) {
    const { code, message } = saved.refusal;
    const words = message || strings.refusal[code] || code;
    return saved.rejected ? (
      <Banner tone="bad" testId="banner-rejected" action={<CopyNoteText session={session} />}>
        {strings.banner.rejected(words)}
      </Banner>
    ) : (
      <Banner tone="bad" testId="banner-not-saved">
        {strings.banner.notSaved(words)}
      </Banner>
    );
  }
  if (phase === 'offline') {
    const reason = closing === undefined ? '' : strings.pause[pauseReason(closing.code)];
    const text = saved.unsaved ? strings.banner.offlineUnsaved : strings.banner.offlineSaved;
    return (
      <Banner
        tone="warn"
        testId="banner-offline"
        action={<Button onClick={() => session.retry()}>{strings.banner.retry}</Button>}
      >
        {reason && <strong>{reason} </strong>}
        {text}
      </Banner>
    );
  }
  if (session.channel.value === 'mismatch') {
    return (
      <Banner
        tone="warn"
        testId="banner-mismatch"
        action={<Button onClick={() => window.location.reload()}>{strings.banner.reload}</Button>}
      >
        {strings.banner.mismatch}
      </Banner>
    );
  }
  if (!session.writable.value) {
    return (
      <Banner tone="info" testId="banner-read-only">
        {strings.banner.readOnly}
      </Banner>
    );
  }
  return null;
}
