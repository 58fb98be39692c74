/** The name of the room, its folders quieter than its last part. */

export function RoomTitle({ room }: { room: string }) {
  const folders = room.split('/');
  const name = folders.pop();
  return (
    <h1 class="note__title" title={room} data-testid="room-title">
      {folders.length > 0 && <span class="note__folders">{`${folders.join(' / ')} / `}</span>}
      <span class="note__name">{name}</span>
    </h1>
  );
}
