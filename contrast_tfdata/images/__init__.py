"""From the bytes of an image file to grey slices, and from a grey slice to the square the network sees.

    sniffing -> raster | dicom | nifti -> reading -> preprocessing

`sniffing` tells a format by content; `reading` turns bytes into `Slice`s through the reader of that format;
`preprocessing` is the one intensity scaling and resizing that making records and predicting both use. `slices` holds
the types they share. Which files there are, and which of their slices are used, is decided in `intake`.

Every reader shows a slice the same way as far as its file says: head up, nose to the left (the order in which a
sagittal DICOM image is usually stored). pydicom and nibabel are imported only when a file of their format is opened.
"""
