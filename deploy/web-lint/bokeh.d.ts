/** BokehJS, which a classic script puts onto the page; its own types are not shipped by pip. */
interface Window {
  Bokeh: any;
}
