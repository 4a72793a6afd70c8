/**
 * Types of the records of the REST API, as far as the page reads them; `exitwave.schema` has
 * them whole, and a test compares the names.
 */

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} state
 * @property {JobSpec} spec
 * @property {string} submitted_at
 * @property {?string} ended_at
 * @property {number} attempt
 * @property {Attempt[]} attempts
 * @property {boolean} cancel_requested
 * @property {?Progress} progress
 * @property {?Failure} failure
 * @property {?Result} result
 */
/**
 * @typedef {object} JobSpec
 * @property {ScanRef} scan
 * @property {{name?: string}} recipe
 * @property {"reconstruction"|"frc"} kind
 * @property {?string} parent
 */
/**
 * @typedef {object} ScanRef
 * @property {string} uid
 * @property {?number} scan_id
 * @property {string} sample
 * @property {?number} n_frames
 */
/**
 * @typedef {object} Attempt
 * @property {number} number
 * @property {string} worker
 * @property {string} device
 * @property {?string} outcome
 * @property {string} reason
 */
/**
 * @typedef {object} Progress
 * @property {string} phase
 * @property {number} epoch
 * @property {number} epochs
 * @property {?number} seconds_per_epoch
 */
/**
 * @typedef {object} Failure
 * @property {string} message
 */
/**
 * @typedef {object} Result
 * @property {?Quality} quality
 * @property {?Verdict} verdict
 * @property {?Preparation} preparation
 * @property {?Start} start
 */
/**
 * @typedef {object} Quality
 * @property {?HeldOutFigures} held_out
 * @property {?number} raster_artefact
 * @property {?number} prtf_cycles_per_px
 * @property {?number} overlap
 * @property {?FrcFigures} frc
 */
/**
 * @typedef {object} HeldOutFigures
 * @property {number} patterns
 * @property {number} poisson
 * @property {number} amplitude
 */
/**
 * @typedef {object} FrcFigures
 * @property {string} halves
 * @property {number} crossing_cycles_per_px
 * @property {number} half_period_nm
 */
/** @typedef {number|string} Figure infinity and NaN come as texts */
/**
 * @typedef {object} Verdict
 * @property {string} verdict
 * @property {Finding[]} rules
 * @property {Record<string, Figure>} figures
 */
/**
 * @typedef {object} Finding
 * @property {string} rule
 * @property {string} says
 * @property {string} text
 * @property {string} advice
 * @property {Record<string, Figure>} figures
 */
/**
 * @typedef {object} Preparation
 * @property {{text: string}[]} left_out
 * @property {{text: string}[]} notes
 * @property {string} orientation
 * @property {OrientationTried[]} orientations_tried
 */
/**
 * @typedef {object} OrientationTried
 * @property {string} orientation
 * @property {number} loss
 */
/**
 * @typedef {object} Start
 * @property {StartTried} chosen
 * @property {StartTried[]} tried
 * @property {number} runs
 * @property {number} seconds
 */
/**
 * @typedef {object} StartTried
 * @property {string} kind
 * @property {number} defocus_y_px2
 * @property {number} defocus_x_px2
 * @property {?number} loss
 */
/**
 * @typedef {object} Event
 * @property {string} job_id
 * @property {string} kind
 * @property {string} state
 * @property {number} attempt
 * @property {?Progress} progress
 */

export {};
