package com.amazonaws.services.simpleworkflow;

/** A name that the annotation processor's output imports until the build has moved its imports; never compiled. */
public interface AmazonSimpleWorkflow {}
