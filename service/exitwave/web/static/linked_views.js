/** Picture panels that move together: one leads, others follow. */

/** @typedef {import("./panels/picture.js").default} PicturePanel */

/**
 * Give all panels of a group the view of one of them: the same centre, and all that the leader
 * shows is in view in its followers.
 * @param {PicturePanel} from
 */
export function shareView(from) {
  if (!from.figure.inner_width) return;
  const leader = from.leader ?? from;
  const { x, y, scale } = from.view;
  for (const to of [leader, ...leader.followers]) {
    if (to === from || to.isSettingView || !to.figure.inner_width) continue;
    to.view = { x, y, scale: (scale / widening(leader, from)) * widening(leader, to) };
  }
}

/** Scale of a panel over that of its leader. @param {PicturePanel} leader @param {PicturePanel} panel */
function widening(leader, panel) {
  return Math.max(
    leader.figure.inner_width / panel.figure.inner_width,
    leader.figure.inner_height / panel.figure.inner_height,
  );
}
