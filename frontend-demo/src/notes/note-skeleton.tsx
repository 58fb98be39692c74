/** What is seen until the note has arrived. */

import { strings } from '../strings';
import './note-skeleton.css';

const LINE_WIDTHS = ['55%', '100%', '92%', '97%', '40%', '100%', '88%', '64%'];

export function NoteSkeleton() {
  return (
    <div class="skeleton" role="status" data-testid="loading">
      <span class="visually-hidden">{strings.note.loading}</span>
      {LINE_WIDTHS.map((width, index) => (
        <span key={`${index}-${width}`} class="skeleton__line" style={{ width }} />
      ))}
    </div>
  );
}
