/** Two picture panels that move together. */

/**
 * Same centre in both panels, and all that the leader shows is in view in the follower.
 * @param {import("./panels.js").PicturePanel} leader
 * @param {import("./panels.js").PicturePanel} follower
 */
export function link(leader, follower) {
  follower.leader = leader;
  const ratio = () => Math.max(
    leader.figure.inner_width / follower.figure.inner_width,
    leader.figure.inner_height / follower.figure.inner_height,
  );
  /**
   * @param {import("./panels.js").PicturePanel} from
   * @param {import("./panels.js").PicturePanel} to
   * @param {number} factor
   */
  const copy = (from, to, factor) => {
    if (to.setting || !from.figure.inner_width || !to.figure.inner_width) return;
    const { x, y, scale } = from.view;
    to.view = { x, y, scale: scale * factor };
  };
  leader.viewChanged = () => copy(leader, follower, ratio());
  follower.viewChanged = () => copy(follower, leader, 1 / ratio());
}
